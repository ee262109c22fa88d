namespace Workbench.Client.Features.Annotation;

/// <summary>Names the texts of the annotation page (AnnotationText.resx and its translation); the script of the passage has them from there, too.</summary>
public sealed class AnnotationText
{
}
